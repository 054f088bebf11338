/**
 * Cube as a library: a typed client for a running manager, and every part of Cube to embed.
 *
 * A client:
 *
 *     const cube = createCubeClient({ url: 'http://127.0.0.1:5555' });
 *     const { task } = await cube.submit({ name: 'web', image: 'nginx' });
 *
 * A whole Cube in one process is a `Manager` on a `Store`, reached by `createManagerServer`, and
 * workers from `createWorker` on stores and runtimes of their own.
 *
 * Amounts are cores and bytes, times are milliseconds unless the name says otherwise, moments are
 * RFC 3339 in UTC. What can go wrong is thrown as a `CubeError` with a code from `errorCodes`.
 */

export type { ClientOptions, Fetch } from './client/connection.ts';
// The client.
export {
  type CallOptions,
  type CubeClient,
  type CubeClientOptions,
  createCubeClient,
  type SubmissionInput,
  type SubmittedReply,
  type TaskFilter,
  type TaskPageQuery,
} from './client/cube-client.ts';
export type { EventOptions, EventReply, Interruption } from './client/event-stream.ts';
export {
  createManagerLinkClient,
  createWorkerClient,
  type ManagerLinkClient,
  type WorkerClient,
} from './client/worker-client.ts';
// Errors.
export {
  CubeError,
  type CubeErrorOptions,
  type InputIssue,
  isCubeError,
} from './errors/cube-error.ts';
export { type ErrorCode, errorCodes } from './errors/error-codes.ts';
// Tasks, nodes and events.
export { type CubeEvent, type EventType, eventTypes } from './event/event.ts';
export { createManagerServer, type ManagerServerOptions } from './http/manager-server.ts';
export type { HttpServer, Listening } from './http/server-options.ts';
// The worker.
export { createWorkerServer, type WorkerServerOptions } from './http/worker-server.ts';
// What enters from outside: time, randomness, words.
export { type Clock, systemClock, type Timer } from './lib/clock.ts';
export { type Logger, noopLogger } from './lib/logger.ts';
export { type Random, systemRandom } from './lib/random.ts';
export type {
  Announcement,
  Assignments,
  AttemptKey,
  AttemptUsage,
  JoinReply,
  LogLine,
  LogOptions,
  Observation,
  StreamItem,
  WorkerList,
} from './link/protocol.ts';
export type {
  ExplanationReply,
  ManagerStatusReply,
  NodeReply,
  TaskPageReply,
  TaskReply,
  UsageReply,
} from './link/replies.ts';
export type {
  SessionInput,
  SessionOptions,
  SessionOutput,
  SessionRequest,
} from './link/session.ts';
// The manager.
export { Manager } from './manager/manager.ts';
export type { ManagerOptions } from './manager/manager-options.ts';
export type { WorkerLink } from './manager/worker-link.ts';
export type { Liveness, Node, NodeFacts, NodeStats, Resources, RuntimeFact } from './node/node.ts';
// Runtimes.
export { createDockerRuntime, type DockerRuntimeOptions } from './runtime/docker/docker-runtime.ts';
export type { ProcessRuntimeOptions } from './runtime/process/process-options.ts';
export { createProcessRuntime } from './runtime/process/process-runtime.ts';
export type {
  InstanceKey,
  InstanceSpec,
  InstanceStatus,
  Runtime,
  RuntimeEvent,
  RuntimeState,
} from './runtime/runtime.ts';
export {
  createSimulatedRuntime,
  type SimulatedRuntimeOptions,
} from './runtime/simulated/simulated-runtime.ts';
export { SimulatedWorld } from './runtime/simulated/simulated-world.ts';
// Schedulers.
export { createScheduler } from './scheduler/create-scheduler.ts';
export {
  type Candidates,
  type ClusterSnapshot,
  type NodeSnapshot,
  type Scheduler,
  type SchedulerName,
  schedulerNames,
} from './scheduler/scheduler.ts';
// Stores.
export { managerCollections, workerCollections } from './store/collections.ts';
export { MemoryStore, type MemoryStoreOptions } from './store/memory/memory-store.ts';
export {
  openSqliteStore,
  type SqliteStore,
  type SqliteStoreOptions,
} from './store/sqlite/sqlite-store.ts';
export type {
  Comparison,
  Json,
  ListOptions,
  Put,
  RecordKey,
  Store,
  StoredRecord,
  StoreKind,
  Transaction,
} from './store/store.ts';
export type { Placement, Rejection, Verdict } from './task/placement.ts';
export { readSubmission } from './task/read-submission.ts';
export type { Reason, ReasonCode } from './task/reason.ts';
export type { Submission, Submitted } from './task/submission.ts';
export type { Task } from './task/task.ts';
export {
  type RuntimeName,
  type TaskSpec,
  type TaskSpecInput,
  taskSpecSchema,
} from './task/task-spec.ts';
export { type DesiredState, type TaskState, taskStates } from './task/task-state.ts';
export type { ExitCode, HealthState, TaskStatus } from './task/task-status.ts';
export { netProber } from './worker/health/net-prober.ts';
export type { ProbeResult, Prober, ProbeTarget } from './worker/health/prober.ts';
export { loadWorkerIdentity, saveWorkerIdentity, type WorkerIdentity } from './worker/identity.ts';
export { createMachineStats, type MachineStats, machineCapacity } from './worker/machine-stats.ts';
export {
  createWorker,
  type ManagerLink,
  type StopWorkerOptions,
  type Worker,
  type WorkerOptions,
} from './worker/worker.ts';
