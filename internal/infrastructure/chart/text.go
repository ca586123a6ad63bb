package chart

import (
	"fmt"
	"image/color"
	"strings"
	"sync"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	imagefont "golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const typeface = font.Typeface("Liberation")

// fonts are parsed once. Two of the twelve that gonum/plot brings are enough, and the others stay out of the binary.
var fonts = sync.OnceValue(func() *font.Cache {
	collection := font.Collection{}
	for _, f := range []struct {
		weight imagefont.Weight
		ttf    []byte
	}{{imagefont.WeightNormal, liberationsansregular.TTF}, {imagefont.WeightBold, liberationsansbold.TTF}} {
		face, err := opentype.Parse(f.ttf)
		if err != nil {
			panic(fmt.Errorf("parse an embedded font: %w", err)) //nolint:forbidigo // the font is part of the binary
		}
		collection = append(collection, font.Face{
			Font: font.Font{Typeface: typeface, Variant: "Sans", Weight: f.weight}, Face: face,
		})
	}
	return font.NewCache(collection)
})

// style is text of a size in pixels. It stands on its vertical middle, beginning at its point.
func style(size vg.Length, c color.Color) draw.TextStyle {
	return draw.TextStyle{
		Color: c, Font: font.Font{Typeface: typeface, Variant: "Sans", Size: size}, YAlign: draw.YCenter,
		Handler: draw.PlainTextHandler{Fonts: fonts()},
	}
}

func bold(s draw.TextStyle) draw.TextStyle {
	s.Font.Weight = imagefont.WeightBold
	return s
}

func centred(s draw.TextStyle) draw.TextStyle {
	s.XAlign = draw.XCenter
	return s
}

func ending(s draw.TextStyle) draw.TextStyle {
	s.XAlign = draw.XRight
	return s
}

// write draws one line of text.
func (p *picture) write(s draw.TextStyle, x, y vg.Length, text string) {
	p.FillText(s, vg.Point{X: x, Y: y}, legible(s, text))
}

// box stands for a character that the font does not have.
const box = '□'

// legible puts boxes for what cannot be drawn, so that a name in another script is seen to be one.
func legible(s draw.TextStyle, text string) string {
	face := fonts().Lookup(s.Font, s.Font.Size).Face
	var buffer sfnt.Buffer
	return strings.Map(func(r rune) rune {
		if glyph, err := face.GlyphIndex(&buffer, r); err != nil || glyph == 0 {
			return box
		}
		return r
	}, text)
}

// wide measures text as write draws it.
func wide(s draw.TextStyle, text string) vg.Length { return s.Width(legible(s, text)) }

// fit shortens text to a width at its end.
func fit(s draw.TextStyle, text string, room vg.Length) string {
	return cut(s, text, room, func(runes []rune, kept int) string {
		return strings.TrimSpace(string(runes[:kept])) + "…"
	})
}

// shorten shortens a name to a width in its middle: names of one kind often differ only at their end.
func shorten(s draw.TextStyle, text string, room vg.Length) string {
	return cut(s, text, room, func(runes []rune, kept int) string {
		head := (kept + 1) / 2
		return strings.TrimSpace(string(runes[:head])) + "…" + strings.TrimSpace(string(runes[len(runes)-kept+head:]))
	})
}

// cut keeps as many characters as fit, of which keep makes the text.
func cut(s draw.TextStyle, text string, room vg.Length, keep func(runes []rune, kept int) string) string {
	if wide(s, text) <= room {
		return text
	}
	runes := []rune(text)
	low, high := 0, len(runes)-1
	for low < high {
		middle := (low + high + 1) / 2
		if wide(s, keep(runes, middle)) <= room {
			low = middle
		} else {
			high = middle - 1
		}
	}
	if low <= 0 {
		return ""
	}
	return keep(runes, low)
}

// wrap breaks text into lines of a width, at most so many; the last is shortened.
func wrap(s draw.TextStyle, text string, room vg.Length, most int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		longer := strings.TrimSpace(line + " " + word)
		if line == "" || wide(s, longer) <= room || len(lines) == most-1 {
			line = longer
			continue
		}
		lines, line = append(lines, fit(s, line, room)), word
	}
	if line != "" {
		lines = append(lines, fit(s, line, room))
	}
	return lines
}

// widestOf is the width of the widest of texts, at most a limit.
func widestOf(s draw.TextStyle, texts []string, limit vg.Length) vg.Length {
	var widest vg.Length
	for _, text := range texts {
		widest = max(widest, wide(s, text))
	}
	return min(widest, limit)
}
