/**
 * Node's HTTP modules, without an import: that would look at everything they export, and so load
 * the platform's `fetch` and its WebSocket, which take 25 ms and 8 MB, and which Cube does not use.
 */
export const nodeHttp: typeof import('node:http') = process.getBuiltinModule('node:http');

export const nodeHttps: typeof import('node:https') = process.getBuiltinModule('node:https');
