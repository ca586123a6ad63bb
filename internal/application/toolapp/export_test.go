package toolapp

// TextSize is for the test that holds it against encoding/json.
var TextSize = textSize
