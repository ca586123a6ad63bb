package chart

import (
	"cmp"
	"image"
	"image/color"
	"slices"
)

const (
	mostColours = 256
	coarse      = 0xF0 // of a channel, what tells blends of two colours apart
)

// paletted writes img with at most 256 colours, which makes the file two to three times smaller. A chart has about
// ten; all others are blends of two of them at an edge, of which the rarest become the nearest one that is kept.
func paletted(img image.Image) image.Image {
	pixels, ok := img.(*image.RGBA)
	if !ok {
		return img
	}
	type shade struct {
		key   uint32
		count int
		sum   [3]int
	}
	shades := map[uint32]*shade{}
	for i := 0; i < len(pixels.Pix); i += 4 {
		key := keyOf(pixels.Pix[i:])
		s := shades[key]
		if s == nil {
			s = &shade{key: key}
			shades[key] = s
		}
		s.count++
		for c := range s.sum {
			s.sum[c] += int(pixels.Pix[i+c])
		}
	}
	order := make([]*shade, 0, len(shades))
	for _, s := range shades {
		order = append(order, s)
	}
	slices.SortFunc(order, func(a, b *shade) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.key, b.key))
	})
	out := image.NewPaletted(pixels.Rect, nil)
	index := make(map[uint32]uint8, len(order))
	for i, s := range order {
		mean := color.RGBA{mean(s.sum[0], s.count), mean(s.sum[1], s.count), mean(s.sum[2], s.count), 0xFF}
		if i < mostColours {
			out.Palette = append(out.Palette, mean)
			index[s.key] = uint8(i)
		} else {
			index[s.key] = uint8(out.Palette.Index(mean)) //nolint:gosec // below mostColours
		}
	}
	for i := range out.Pix {
		out.Pix[i] = index[keyOf(pixels.Pix[4*i:])]
	}
	return out
}

func keyOf(pixel []byte) uint32 {
	return uint32(pixel[0]&coarse)<<16 | uint32(pixel[1]&coarse)<<8 | uint32(pixel[2]&coarse)
}

func mean(sum, count int) uint8 { return uint8((sum + count/2) / count) } //nolint:gosec // of bytes
