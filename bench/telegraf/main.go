// Command telegraf is Telegraf as a peer of benchmarks: its own code, without the inputs that are not measured. With the name of a
// configuration file it runs Telegraf's agent.
//
// Without one its first line on the standard input says in JSON what to poll by SNMP (see spec). Each further line is a poll of all
// agents, as Telegraf's agent does it once in an interval; the answer is a line with the number of values that came.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"sync/atomic"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/agent"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/models"
	common "github.com/influxdata/telegraf/plugins/common/snmp"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/plugins/inputs/snmp"
)

// spec is what to poll: a variable, and one table of columns, some of which are tags. Columns are pairs of name and OID.
type spec struct {
	Agents      []string
	Repetitions uint32
	Community   string
	Uptime      string
	Tags        [][2]string
	Fields      [][2]string
}

func main() {
	if len(os.Args) > 1 {
		run(os.Args[1])
		return
	}
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadBytes('\n')
	must(err)
	var s spec
	must(json.Unmarshal(line, &s))
	log.SetOutput(io.Discard)
	input := models.NewRunningInput(s.input(), &models.InputConfig{Name: "snmp"})
	must(input.Init())
	metrics := make(chan telegraf.Metric, 100) // as the agent has it
	acc := agent.NewAccumulator(input, metrics)
	var added, values atomic.Int64
	go func() {
		for m := range metrics {
			if m.Name() == table {
				values.Add(int64(len(m.FieldList())))
			}
			added.Add(1)
		}
	}()
	for {
		if _, err := in.ReadBytes('\n'); err != nil {
			return
		}
		values.Store(0)
		before := input.MetricsGathered.Get()
		done := added.Load()
		must(input.Gather(acc))
		for added.Load()-done < input.MetricsGathered.Get()-before {
			time.Sleep(100 * time.Microsecond)
		}
		fmt.Println(values.Load())
	}
}

const table = "interface"

// input is Telegraf's input of SNMP.
func (s *spec) input() *snmp.Snmp {
	in := inputs.Inputs["snmp"]().(*snmp.Snmp)
	in.SetTranslator("netsnmp") // no name is looked up
	in.AgentHostTag, in.Agents, in.Community = "source", s.Agents, s.Community
	in.MaxRepetitions, in.Timeout, in.Retries = s.Repetitions, config.Duration(2*time.Second), 1
	in.Fields = []common.Field{{Name: "uptime", Oid: s.Uptime}}
	t := common.Table{Name: table}
	for _, c := range s.Tags {
		t.Fields = append(t.Fields, common.Field{Name: c[0], Oid: c[1], IsTag: true})
	}
	for _, c := range s.Fields {
		t.Fields = append(t.Fields, common.Field{Name: c[0], Oid: c[1]})
	}
	in.Tables = []common.Table{t}
	return in
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
