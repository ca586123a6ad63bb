package httpapi

// Bounds, as the tests of the package look at them from outside.
var (
	Paced = paced
	Admit = admit
)
