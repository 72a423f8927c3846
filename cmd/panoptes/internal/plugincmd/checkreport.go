package plugincmd

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/conformance"
	"github.com/panoptes-otel/panoptes-otel/cmd/panoptes/internal/term"
)

// reporter writes the outcome of checks.
type reporter interface {
	begin(file string)
	check(conformance.Check)
	end() error
}

func (o *checkOptions) reporter(out io.Writer) reporter {
	switch {
	case o.json:
		return &jsonReport{out: json.NewEncoder(out)}
	case o.junit:
		return &junitReport{out: out}
	}
	return &peopleReport{out: out, style: term.StyleOf(out), counts: map[conformance.Verdict]int{}}
}

// peopleReport writes a line a check.
type peopleReport struct {
	out    io.Writer
	style  term.Style
	counts map[conformance.Verdict]int
	files  int
}

func (p *peopleReport) begin(file string) {
	p.files++
	if p.files > 1 {
		fmt.Fprintln(p.out)
	}
	fmt.Fprintln(p.out, p.style.Paint(term.Bold, term.Cell(file)))
}

var verdictPaint = map[conformance.Verdict]term.Paint{
	conformance.Pass: term.Green, conformance.Fail: term.Red, conformance.Warn: term.Yellow, conformance.Skip: term.Dim,
}

func (p *peopleReport) check(c conformance.Check) {
	p.counts[c.Verdict]++
	lines := strings.Split(c.Detail, "\n")
	for i, line := range lines {
		lines[i] = term.Cell(line)
	}
	line := fmt.Sprintf("%s  %-13s  %s", p.style.Paint(verdictPaint[c.Verdict], string(c.Verdict)), c.Name, strings.Join(lines, "\n      "))
	fmt.Fprintln(p.out, strings.TrimRight(line, " "))
}

func (p *peopleReport) end() error {
	_, err := fmt.Fprintf(p.out, "\n%d passed, %d failed, %d warned, %d skipped\n", p.counts[conformance.Pass],
		p.counts[conformance.Fail], p.counts[conformance.Warn], p.counts[conformance.Skip])
	return err
}

// jsonReport writes one object a check.
type jsonReport struct {
	out  *json.Encoder
	file string
	err  error
}

func (j *jsonReport) begin(file string) { j.file = file }

func (j *jsonReport) check(c conformance.Check) {
	if j.err == nil {
		j.err = j.out.Encode(map[string]any{
			"file": j.file, "check": c.Name, "verdict": c.Verdict, "detail": c.Detail, "seconds": c.Took.Seconds(),
		})
	}
}

func (j *jsonReport) end() error { return j.err }

// junitReport writes one suite a plugin. A warning passes, with its text as the output.
type junitReport struct {
	out    io.Writer
	suites []junitSuite
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func (j *junitReport) begin(file string) { j.suites = append(j.suites, junitSuite{Name: file}) }

func (j *junitReport) check(c conformance.Check) {
	s := &j.suites[len(j.suites)-1]
	s.Tests++
	line := junitCase{Name: c.Name, Class: s.Name, Time: fmt.Sprintf("%.3f", c.Took.Seconds())}
	first, _, _ := strings.Cut(c.Detail, "\n")
	switch c.Verdict {
	case conformance.Fail:
		s.Failures++
		line.Failure = &junitMessage{first, c.Detail}
	case conformance.Skip:
		s.Skipped++
		line.Skipped = &junitMessage{Message: first}
	default:
		line.Out = c.Detail
	}
	s.Cases = append(s.Cases, line)
}

func (j *junitReport) end() error {
	if _, err := io.WriteString(j.out, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(j.out)
	enc.Indent("", "  ")
	err := enc.Encode(struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []junitSuite
	}{Suites: j.suites})
	if err == nil {
		_, err = io.WriteString(j.out, "\n")
	}
	return err
}
