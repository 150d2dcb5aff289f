package main

import (
	"context"
	"io"
	"net/url"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"leasehold.test/clients/steps"
)

func main() {
	steps.Run(call, stream)
}

func dial(base string) (*grpc.ClientConn, error) {
	address, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	return grpc.NewClient(address.Host+":443", grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(nil, "")))
}

func call(base string) (steps.Fact, error) {
	connection, err := dial(base)
	if err != nil {
		return steps.Fact{}, err
	}
	defer connection.Close()
	answer := new(wrapperspb.StringValue)
	if err := connection.Invoke(context.Background(), "/vendor.Vendor/Say", wrapperspb.String("hello"), answer); err != nil {
		return steps.Fact{}, err
	}
	return steps.Fact{Status: 200, Saw: answer.Value}, nil
}

func stream(base string, onPiece func()) error {
	connection, err := dial(base)
	if err != nil {
		return err
	}
	defer connection.Close()
	pieces, err := connection.NewStream(context.Background(), &grpc.StreamDesc{ServerStreams: true}, "/vendor.Vendor/GoOn")
	if err != nil {
		return err
	}
	if err := pieces.SendMsg(wrapperspb.String("on")); err != nil {
		return err
	}
	if err := pieces.CloseSend(); err != nil {
		return err
	}
	for {
		err := pieces.RecvMsg(new(wrapperspb.StringValue))
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		onPiece()
	}
}
