package config

// Variable is an environment variable that Load understands.
type Variable struct {
	Name    string
	Path    string // the key that it sets
	Secret  bool   // Name with _FILE, naming a file, does as well
	Ambient bool   // another program's variable: it counts only when nothing else sets the key
}

// Variables lists every variable, in the order of the keys, ambient ones last.
func Variables() []Variable {
	out := []Variable{{Name: FileVariable}}
	for _, f := range allFields() {
		out = append(out, Variable{Name: f.variable(), Path: f.path, Secret: f.secret()})
	}
	for _, a := range ambient {
		out = append(out, Variable{Name: a.variable, Path: a.path, Ambient: true})
	}
	for _, name := range []string{formerHost, formerPort, formerAuth, formerScratch} {
		out = append(out, Variable{Name: name, Ambient: true})
	}
	return out
}
