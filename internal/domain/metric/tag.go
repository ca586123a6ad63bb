package metric

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// tagsOf reads a config.meta for rules: a key whose value is true is the tag key, a text or number under it key=value, and
// each element of a list likewise. What is nested deeper, false or null is no tag. They come sorted, without repeats.
func tagsOf(metas ...map[string]any) []string {
	var tags []string
	for _, meta := range metas {
		for key, value := range meta {
			elements, list := value.([]any)
			if !list {
				elements = []any{value}
			}
			for _, element := range elements {
				if text, ok := tagValue(element); ok {
					tags = append(tags, key+text)
				}
			}
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

func tagValue(value any) (string, bool) {
	switch v := value.(type) {
	case bool:
		return "", v
	case string:
		return "=" + v, true
	case json.Number:
		return "=" + v.String(), true
	case float64:
		return "=" + strconv.FormatFloat(v, 'f', -1, 64), true
	case int:
		return fmt.Sprintf("=%d", v), true
	}
	return "", false
}

// tags are those of every column or key that a field may stand for.
func (gr graph) tags(origins []Origin) []string {
	var metas []map[string]any
	for _, o := range origins {
		m := gr.models[gr.index[o.Model]]
		if c, ok := m.columns[o.Element]; ok {
			metas = append(metas, c.Meta)
		}
		metas = append(metas, m.entity(o.Element).Meta)
	}
	return tagsOf(metas...)
}
