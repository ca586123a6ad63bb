// Package icon draws the icons of tools and prompts.
package icon

import (
	"encoding/base64"
	"fmt"
)

// MIME is the type of every icon.
const MIME = "image/svg+xml"

// shapes are the paths of the icons, drawn on a 24 by 24 grid.
var shapes = map[string]string{
	"metrics":      "M4 20V10h4v10zM10 20V4h4v16zM16 20v-7h4v7z",
	"list":         "M4 5h16v3H4zM4 11h16v3H4zM4 17h16v3H4z",
	"query":        "M3 4h18v4H3zM3 10h8v10H3zM13 10h8v10h-8z",
	"conversation": "M3 4h18v12H9l-6 5z",
	"system":       "M12 2a10 10 0 100 20 10 10 0 000-20zM11 7h2v2h-2zM11 11h2v6h-2z",
}

// URI is the icon of that name as a data URI: no client has to fetch anything from anywhere to show a tool. It is empty when there
// is none.
func URI(name string) string {
	shape, ok := shapes[name]
	if !ok {
		return ""
	}
	svg := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path fill="#2f5d8a" d="%s"/></svg>`, shape)
	return "data:" + MIME + ";base64," + base64.StdEncoding.EncodeToString([]byte(svg))
}
