package main

import (
	"io"
	"net/http"

	"leasehold.test/clients/steps"
)

func main() {
	steps.Run(call, stream)
}

func call(base string) (steps.Fact, error) {
	answer, err := http.Get(base + "/v1/thing")
	if err != nil {
		return steps.Fact{}, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return steps.Fact{Status: answer.StatusCode, Code: answer.Header.Get("X-Leasehold-Error"), Saw: string(body)}, err
}

func stream(base string, onPiece func()) error {
	answer, err := http.Get(base + "/stream")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	piece := make([]byte, 64)
	for {
		count, err := answer.Body.Read(piece)
		if count > 0 {
			onPiece()
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
