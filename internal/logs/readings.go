package logs

import (
	"encoding/hex"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What the bytes of a text tell of how else it may have to be read.
const (
	mayBeIgnored = 1 << iota
	isQuote
	inWord
	isBetween
	inNumber
)

const (
	// shortestList is the length of the shortest list of numbers that is a secret: "4162 6364".
	shortestList = 9
	// longestReading bounds what is kept of a list, and longestDumped what is looked at of a line of a dump.
	longestReading = 1 << 16
	longestDumped  = 200
)

var kinds = func() (kinds [256]uint8) {
	for _, c := range []byte("\x1b\xc2\xe2\xef\\") {
		kinds[c] |= mayBeIgnored
	}
	for _, c := range []byte(`"'`) {
		kinds[c] |= isQuote
	}
	for _, c := range []byte("0123456789abcdefABCDEFxXoO") {
		kinds[c] |= inNumber
	}
	for c := range kinds {
		if c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' {
			kinds[c] |= inWord
		}
	}
	for _, c := range []byte(" ,;:.-[](){}\"'\\\n\r\t") {
		kinds[c] |= isBetween | inNumber
	}
	return kinds
}()

// otherwise adds the places of secrets in a text that is read otherwise than as it is: without what does not show, as lists
// of characters, and as lists of numbers.
func (s *Scrubber) otherwise(text string, found []span) []span {
	var kind uint8
	run, list := 0, false
	for i := 0; i < len(text); i++ {
		k := kinds[text[i]]
		kind |= k
		if run = (run + 1) & -int(k/inNumber); run == shortestList && !list {
			begin := i + 1 - shortestList
			for i+1 < len(text) && kinds[text[i+1]]&inNumber != 0 {
				i++
				kind |= kinds[text[i]]
			}
			list = mayBeList(text[begin : i+1])
		}
	}
	if kind&mayBeIgnored != 0 {
		found = s.inVisible(text, found)
	}
	if kind&isQuote != 0 && strings.Count(text, "',")+strings.Count(text, `",`) >= shortest-1 {
		found = s.inCharacters(text, found)
	}
	if list {
		found = s.inNumbers(text, found)
	}
	return found
}

// mayBeList says whether a text of numbers has as many in a row as a secret has bytes at least that may be characters. Most dates, times
// and addresses have not.
func mayBeList(text string) bool {
	pairs, small := 0, 0 // bytes in hexadecimal, and others
	for at := 0; at < len(text); {
		end := at
		for end < len(text) && kinds[text[end]]&inWord != 0 {
			end++
		}
		if end == at {
			at++
			continue
		}
		word := text[at:end]
		at = end
		if word[0] == '0' && len(word) > 2 && word[1]|0x20 > 'f' || word[0]|0x20 > 'f' && len(word) > 1 {
			pairs, small = pairs+1, small+1
		} else {
			for i := 0; i < len(word); i += 2 {
				if len(word)%2 != 0 || word[i] < '2' {
					pairs = 0
				} else if pairs++; pairs >= shortest {
					return true
				}
			}
			switch {
			case len(word) == 2 && word >= "32", len(word) == 3 && word[0] <= '3', len(word) == 4 && word[0] == '0':
				small++
			default:
				small = 0
			}
		}
		if max(pairs, small) >= shortest {
			return true
		}
	}
	return false
}

// inVisible reads a text without what does not show.
func (s *Scrubber) inVisible(text string, found []span) []span {
	var visible []byte
	var gaps []span // where the rest of the text begins: in what is visible, and in the text
	done := 0
	for at := 0; at < len(text); {
		n := 0
		if kinds[text[at]]&mayBeIgnored != 0 {
			n = ignorable(text[at:])
		}
		if n == 0 {
			at++
			continue
		}
		visible = append(visible, text[done:at]...)
		at += n
		done = at
		gaps = append(gaps, span{len(visible), at})
	}
	if gaps == nil {
		return found
	}
	source := func(at int) int {
		if i := sort.Search(len(gaps), func(i int) bool { return gaps[i].start > at }); i > 0 {
			return gaps[i-1].end + at - gaps[i-1].start
		}
		return at
	}
	for _, part := range s.find(string(append(visible, text[done:]...)), nil) {
		found = append(found, span{source(part.start), source(part.end-1) + 1})
	}
	return found
}

// ignorable is how long what does not show is that a text begins with, as it is or as an escape: a sequence that steers a
// terminal, or a character without width.
func ignorable(text string) int {
	for _, escape := range []string{"\x1b", `\x1b`, `\x1B`, `\u001b`, `\u001B`, `\033`, `\e`} {
		if rest, ok := strings.CutPrefix(text, escape); ok {
			return len(text) - len(behindSequence(rest))
		}
	}
	if r, size := utf8.DecodeRuneInString(text); r != '\\' {
		if unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) {
			return size
		}
		return 0
	}
	if strings.HasPrefix(text, `\u`) || strings.HasPrefix(text, `\xad`) {
		if r, _, rest, err := strconv.UnquoteChar(text, 0); err == nil && unicode.Is(unicode.Cf, r) {
			return len(text) - len(rest)
		}
	}
	return 0
}

// behindSequence is what is behind the rest of a sequence that steers a terminal, or all of it where that is none.
func behindSequence(rest string) string {
	if strings.HasPrefix(rest, "[") {
		behind := strings.TrimLeft(rest[1:], "0123456789;:<=>? ")
		if behind != "" && behind[0] >= '@' && behind[0] <= '~' {
			return behind[1:]
		}
	}
	return rest
}

// reading is what a part of a text stands for, and where in the text its bytes come from.
type reading struct {
	base   int  // of the numbers, 0 for characters
	prefix byte // that numbers of this base may have behind a zero
	text   []byte
	places []span
}

// end adds the secrets in what was read, and begins anew. The last number may have been cut: secrets are looked for without it, too.
func (r *reading) end(s *Scrubber, found []span) []span {
	found = r.look(s, found)
	r.text, r.places = r.text[:0], r.places[:0]
	return found
}

func (r *reading) look(s *Scrubber, found []span) []span {
	if len(r.text) >= shortest {
		for _, text := range []string{string(r.text), string(r.text[:len(r.text)-1])} {
			for _, part := range s.find(text, nil) {
				found = append(found, span{r.places[part.start].start, r.places[part.end-1].end})
			}
		}
	}
	return found
}

// bound looks at what was read where that is long, and keeps its end alone.
func (r *reading) bound(s *Scrubber, found []span) []span {
	if len(r.text) < longestReading {
		return found
	}
	found = r.look(s, found)
	half := len(r.text) - longestReading/2
	r.text, r.places = append(r.text[:0], r.text[half:]...), append(r.places[:0], r.places[half:]...)
	return found
}

// inCharacters reads lists of quoted characters.
func (s *Scrubber) inCharacters(text string, found []span) []span {
	var r reading
	for at := 0; at < len(text); {
		switch c := text[at]; {
		case kinds[c]&isQuote != 0:
			value, n := quotedCharacter(text[at:])
			if n > 0 {
				for _, b := range utf8.AppendRune(nil, value) {
					r.text, r.places = append(r.text, b), append(r.places, span{at, at + n})
				}
				found = r.bound(s, found)
			} else {
				found = r.end(s, found)
				n = 1
			}
			at += n
		case len(r.text) > 0 && strings.IndexByte(", \n\t\r", c) >= 0:
			at++
		default:
			found = r.end(s, found)
			next := strings.IndexAny(text[at:], `"'`)
			if next < 0 {
				return found
			}
			at += next
		}
	}
	return r.end(s, found)
}

// quotedCharacter is the one character between the quotes that text begins with, and how long both are; 0 for more or none.
func quotedCharacter(text string) (value rune, length int) {
	quote, rest := text[0], text[1:]
	if rest == "" || rest[0] == quote {
		return 0, 0
	}
	if len(rest) > 1 && rest[0] == '\\' && strings.IndexByte(`"'/`, rest[1]) >= 0 {
		value, rest = rune(rest[1]), rest[2:]
	} else {
		var err error
		if value, _, rest, err = strconv.UnquoteChar(rest, 0); err != nil {
			return 0, 0
		}
	}
	if rest == "" || rest[0] != quote {
		return 0, 0
	}
	return value, len(text) - len(rest) + 1
}

// inNumbers reads lists of numbers, each as hexadecimal, octal and decimal where it may be.
func (s *Scrubber) inNumbers(text string, found []span) []span {
	readings := [...]reading{{base: 16, prefix: 'x'}, {base: 8, prefix: 'o'}, {base: 10}}
	columnEnd, lineEnd := 0, 0
	for at := 0; at < len(text); {
		end := at
		for end < len(text) && kinds[text[end]]&inWord != 0 {
			end++
		}
		if end == at {
			if kinds[text[at]]&isBetween == 0 {
				for i := range readings {
					found = readings[i].end(s, found)
				}
			}
			at++
			continue
		}
		if at >= lineEnd && strings.HasPrefix(text[at:], "00") {
			line := FirstLine(text[at:min(len(text), at+longestDumped)])
			if column := dumped(line); column > 0 {
				columnEnd, lineEnd = at+column, at+len(line)
				at = end
				continue
			}
		}
		if at > 0 && text[at-1] == '\\' {
			end = min(end, at+3) // what is behind \x41 or \101 may be a letter
		}
		place := span{at, end}
		at = end
		if end <= columnEnd {
			place.end = lineEnd // with what the dump shows of it
			if end == columnEnd {
				at = lineEnd
			}
		}
		for i := range readings {
			if !readings[i].number(text[place.start:end], place) {
				found = readings[i].end(s, found)
			}
			found = readings[i].bound(s, found)
		}
	}
	for i := range readings {
		found = readings[i].end(s, found)
	}
	return found
}

// number adds the bytes that a word stands for in the reading's base, and says whether there are any. In hexadecimal these may be
// several; in decimal it may be the number of a character.
func (r *reading) number(word string, place span) bool {
	before := len(r.text)
	prefix := byte(0)
	if digits := strings.TrimPrefix(word, "0"); digits != "" && digits[0]|0x20 > 'f' {
		prefix, word = digits[0]|0x20, digits[1:]
	}
	switch {
	case prefix != 0 && prefix != r.prefix:
		return false
	case r.base == 16 && len(word) == 1:
		word = "0" + word
		fallthrough
	case r.base == 16:
		r.text, _ = hex.AppendDecode(r.text, []byte(word))
	default:
		value := 0
		for i := range len(word) {
			digit := int(word[i]) - '0'
			if value = value*r.base + digit; digit < 0 || digit >= r.base || value > unicode.MaxRune {
				return false
			}
		}
		switch {
		case value <= 0xff:
			r.text = append(r.text, byte(value))
		case r.base == 10:
			r.text = utf8.AppendRune(r.text, rune(value))
		}
	}
	for range len(r.text) - before {
		r.places = append(r.places, place)
	}
	return len(r.text) > before
}

// dumped is where the column of numbers ends in a line that is one of a dump: an offset, at most 16 bytes in hexadecimal,
// and perhaps what they are as characters. 0 for others.
func dumped(line string) int {
	at := hexDigits(line)
	if at < 7 {
		return 0
	}
	if at < len(line) && line[at] == ':' {
		at++
	}
	for digits := 0; ; {
		next := strings.TrimLeft(line[at:], " ")
		blanks, n := len(line)-at-len(next), hexDigits(next)
		if blanks == 0 || blanks > 2 || n == 0 || n%2 != 0 || digits+n > 32 || n < len(next) && next[n] != ' ' {
			if digits == 0 || next != "" && blanks < 2 {
				return 0
			}
			return at
		}
		at, digits = at+blanks+n, digits+n
	}
}

// hexDigits is how many digits in hexadecimal a text begins with.
func hexDigits(text string) int {
	n := 0
	for n < len(text) && strings.IndexByte("0123456789abcdefABCDEF", text[n]) >= 0 {
		n++
	}
	return n
}
