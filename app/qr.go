package app

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// quiet is the white margin that a QR code needs to be found (ISO/IEC 18004 section 9.1).
const quiet = 4

// halfBlocks draws text as a QR code for a dark terminal, two rows of modules to a line.
func halfBlocks(text string) (string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", fmt.Errorf("draw the link: %w", err)
	}
	var out strings.Builder
	white := func(x, y int) bool { return !code.Black(x, y) }
	for y := -quiet; y < code.Size+quiet; y += 2 {
		out.WriteString("  ")
		for x := -quiet; x < code.Size+quiet; x++ {
			below := white(x, y+1) && y+1 < code.Size+quiet
			switch {
			case white(x, y) && below:
				out.WriteRune('█')
			case white(x, y):
				out.WriteRune('▀')
			case below:
				out.WriteRune('▄')
			default:
				out.WriteRune(' ')
			}
		}
		out.WriteRune('\n')
	}
	return out.String(), nil
}
