// Package e2ee is the secret wing: all of the cryptography, none of the input and output. Its rooms are the packages below
// it; SPEC.md says what their bytes are, testdata holds frozen examples of them, and the tests here keep out what does not
// belong in (E2EE.md "How it is built", N33, N34).
package e2ee
