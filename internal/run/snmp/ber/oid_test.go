package ber

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func arcs() *rapid.Generator[[]uint32] {
	arc := rapid.OneOf(rapid.Uint32Range(0, 300), rapid.Uint32(), rapid.SampledFrom([]uint32{127, 128, 16383, 16384, 2097151, 2097152, 268435455, 268435456, 4294967295}))
	return rapid.SliceOfN(arc, 1, 20)
}

func TestOIDKeepsItsArcs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := arcs().Draw(t, "arcs")
		o := MakeOID(want...)
		assert.Equal(t, want, o.AppendArcs(nil))
		assert.Equal(t, len(want), o.Len())
		again, err := ParseOID("." + o.String())
		require.NoError(t, err)
		assert.Equal(t, o, again)
	})
}

func TestOIDSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := arcs().Draw(t, "arcs")
		o := MakeOID(all...)
		n := rapid.IntRange(0, len(all)+1).Draw(t, "n")
		head, rest, ok := o.Split(n)
		if n > len(all) {
			assert.False(t, ok)
			return
		}
		assert.True(t, ok)
		assert.Equal(t, MakeOID(all[:n]...), head)
		assert.Equal(t, MakeOID(all[n:]...), rest.Clone())
	})
}

func TestOIDOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := arcs().Draw(t, "a"), arcs().Draw(t, "b")
		if rapid.Bool().Draw(t, "share") {
			b = append(slices.Clone(a[:rapid.IntRange(0, len(a)).Draw(t, "n")]), b...)
		}
		assert.Equal(t, slices.Compare(a, b), MakeOID(a...).Compare(MakeOID(b...)))
	})
}

func TestOIDInMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.Uint32Range(0, 2).Draw(t, "first")
		second := rapid.Uint32Range(0, 39).Draw(t, "second")
		if first == 2 {
			second = rapid.Uint32Range(0, 4294967215).Draw(t, "second of 2")
		}
		o := MakeOID(append([]uint32{first, second}, arcs().Draw(t, "arcs")...)...)
		content, err := o.AppendContent(nil)
		require.NoError(t, err)
		again, err := ParseContent(content)
		require.NoError(t, err)
		assert.Equal(t, o, again)
	})
}

func TestOIDIndex(t *testing.T) {
	base := MustOID(".1.3.6.1.2")
	index, below := MustOID("1.3.6.1.2.7.200").Index(base)
	assert.True(t, below)
	assert.Equal(t, "7.200", index.String())
	_, below = MustOID("1.3.6.1.20.7").Index(base)
	assert.False(t, below, "arcs are compared, not text")
	_, below = MustOID("1.3.6.1.256").Index(base)
	assert.False(t, below)
	assert.Equal(t, MustOID("1.3.6.1.2.7.200"), base.Join(index))
	assert.True(t, OID{}.IsZero())
	arc, rest := index.Cut()
	assert.Equal(t, uint32(7), arc)
	assert.Equal(t, MakeOID(200), rest)
}

func TestOIDRefusesBadText(t *testing.T) {
	for text, want := range map[string]string{
		"":               `object identifier "" has no arcs`,
		".":              `object identifier "." has no arcs`,
		"1..3":           `object identifier "1..3": arc "" is no number from 0 to 4294967295`,
		"1.3.":           `object identifier "1.3.": arc "" is no number from 0 to 4294967295`,
		"1.3.+6":         `object identifier "1.3.+6": arc "+6" is no number from 0 to 4294967295`,
		"1.4294967296":   `object identifier "1.4294967296": arc "4294967296" is no number from 0 to 4294967295`,
		"SNMPv2-MIB::x":  `object identifier "SNMPv2-MIB::x": arc "SNMPv2-MIB::x" is no number from 0 to 4294967295`,
		longOID(MaxArcs): `object identifier "` + longOID(MaxArcs) + `" has more than 128 arcs`,
	} {
		_, err := ParseOID(text)
		assert.EqualError(t, err, want)
	}
	_, err := ParseOID(longOID(MaxArcs - 1))
	assert.NoError(t, err)
	assert.Panics(t, func() { MustOID("x") })
	var o OID
	assert.Error(t, o.UnmarshalText([]byte("x")))
}

func longOID(dots int) string {
	text := "1"
	for range dots {
		text += ".1"
	}
	return text
}

func TestOIDThatMessagesCannotHave(t *testing.T) {
	for _, text := range []string{"3.1", "0.40", "1.40.1", "2.4294967216"} {
		_, err := MustOID(text).AppendContent(nil)
		assert.ErrorIs(t, err, errFirstArcs, text)
	}
	content, err := MustOID("1").AppendContent(nil)
	assert.NoError(t, err)
	assert.Equal(t, []byte{40}, content)
}

func TestOIDFromSloppyAgents(t *testing.T) {
	for name, c := range map[string]struct {
		content []byte
		want    string
		err     error
	}{
		"padded arc":        {[]byte{0x2b, 0x80, 0x80, 0x06, 1}, "1.3.6.1", nil},
		"padded first arc":  {[]byte{0x80, 0x2b, 0x06}, "1.3.6", nil},
		"nothing":           {nil, "", errOIDEmpty},
		"ends within":       {[]byte{0x2b, 0x86}, "1.3", errArcCut},
		"largest arc":       {[]byte{0x2b, 0x8f, 0xff, 0xff, 0xff, 0x7f}, "1.3.4294967295", nil},
		"arc too large":     {[]byte{0x2b, 0x90, 0x80, 0x80, 0x80, 0x00}, "1.3", errArc},
		"arc of six bytes":  {[]byte{0x2b, 0x81, 0x80, 0x80, 0x80, 0x80, 0x00}, "1.3", errArc},
		"padded, too large": {[]byte{0x2b, 0x80, 0x90, 0x80, 0x80, 0x80, 0x00}, "1.3", errArc},
		"too many":          {append([]byte{0x2b}, make([]byte, MaxArcs-1)...), "1.3", errOIDLong},
		"as many as can be": {append([]byte{0x2b}, slices.Repeat([]byte{1}, MaxArcs-2)...), "1.3" + longOID(MaxArcs - 2)[1:], nil},
		"padded, too many":  {append([]byte{0x2b, 0x80}, slices.Repeat([]byte{1}, MaxArcs-1)...), "", errOIDLong},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := ParseContent(c.content)
			assert.ErrorIs(t, err, c.err)
			if c.err == nil {
				assert.Equal(t, c.want, o.String())
			}
		})
	}
}
