package conversationapp

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
)

//go:embed schemas/*.json
var schemas embed.FS

func embedded(name string) json.RawMessage {
	raw, err := schemas.ReadFile("schemas/" + name + ".json")
	if err != nil {
		panic(err) //nolint:forbidigo // the file is part of the binary, and every test of the tools reads it
	}
	return raw
}

// converseSchema puts the configured bounds into the published contract, so that a client can tell what it may ask.
func converseSchema(o Options) (json.RawMessage, error) {
	var document map[string]any
	if err := json.Unmarshal(embedded("claude_conversation.input"), &document); err != nil {
		return nil, err
	}
	properties, ok := document["properties"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("no properties")
	}
	for name, bounds := range map[string]map[string]any{
		"message":       {"maxLength": o.Limits.MessageChars},
		"system_prompt": {"maxLength": o.Limits.SystemChars},
		"model":         {"enum": o.Models, "default": o.Model},
		"max_tokens":    {"maximum": o.MaxTokensCap, "default": o.MaxTokens},
	} {
		property, ok := properties[name].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("no property %s", name)
		}
		maps.Copy(property, bounds)
	}
	return json.Marshal(document)
}
