// Package wire holds every shape that crosses the network and the error codes; README.md is the protocol in prose.
package wire
