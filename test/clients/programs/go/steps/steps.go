// Package steps is steps.mjs for Go: see there.
package steps

import (
	"encoding/json"
	"fmt"
	"os"
)

// Fact is one line of what a client saw.
type Fact struct {
	Step   string `json:"step"`
	Status int    `json:"status,omitempty"`
	Code   string `json:"code,omitempty"`
	Saw    string `json:"saw,omitempty"`
	How    string `json:"how,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Run makes the calls. stream returns nil when the answer has ended cleanly.
func Run(call func(base string) (Fact, error), stream func(base string, onPiece func()) error) {
	tell("call", call, os.Getenv("GRANTED_URL"))
	tell("refused", call, os.Getenv("UNGRANTED_URL"))
	isReceiving := false
	err := stream(os.Getenv("GRANTED_URL"), func() {
		if !isReceiving {
			write(Fact{Step: "receiving"})
		}
		isReceiving = true
	})
	if err != nil {
		write(Fact{Step: "over", How: "cut", Error: err.Error()})
		return
	}
	write(Fact{Step: "over", How: "ended"})
}

func tell(step string, call func(base string) (Fact, error), base string) {
	fact, err := call(base)
	fact.Step = step
	if err != nil {
		fact.Error = err.Error()
	}
	write(fact)
}

func write(fact Fact) {
	line, _ := json.Marshal(fact)
	fmt.Println(string(line))
}
