export * from './gen/leasehold/v1/lease_pb.ts';
export * from './gen/leasehold/v1/route_pb.ts';
export * from './gen/leasehold/v1/session_pb.ts';
export * from './gen/leasehold/v1/use_pb.ts';
export * from './gen/leasehold/v1/watch_pb.ts';
