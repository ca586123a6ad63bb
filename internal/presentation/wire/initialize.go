package wire

import "encoding/json"

// Introduction is what initialize says before anything is agreed on: how the client is written down, and the revision that
// it asks for. What is of another shape is empty; whoever reads the message next refuses it.
func (m Message) Introduction() (client, revision string) {
	var said struct {
		Client struct{ Name, Version any } `json:"clientInfo"`
		Asked  any                         `json:"protocolVersion"`
	}
	_ = json.Unmarshal(m.Params, &said)
	name, _ := said.Client.Name.(string)
	version, _ := said.Client.Version.(string)
	revision, _ = said.Asked.(string)
	return ClientName(name, version), revision
}
