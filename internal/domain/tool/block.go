package tool

// Block is one piece of what a model, or whoever reads along, is shown: Text, Image, Audio, Embedded or Link.
type Block interface{ block() }

// Text is a text as a Block.
type Text string

// Image is a picture for whoever reads the answer.
type Image struct {
	MIME string // image/png
	Data []byte // the file; it is encoded on its way out
}

// Audio is a sound for whoever listens to the answer.
type Audio struct {
	MIME string // audio/wav
	Data []byte // the file; it is encoded on its way out
}

// Embedded is the content of a resource, shown without being asked for. Who may see it has been decided with the use that
// shows it: nothing asks again.
type Embedded struct {
	URI string
	Content
}

// Link names a resource that can be read.
type Link struct {
	URI         string
	Name        string
	Title       string
	Description string
	MIME        string
	Size        int64 // bytes; 0 when nobody knows
}

func (Text) block()     {}
func (Image) block()    {}
func (Audio) block()    {}
func (Embedded) block() {}
func (Link) block()     {}
