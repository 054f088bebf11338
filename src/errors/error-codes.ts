/** Every code that an error of Cube can carry. `docs/errors.md` says the same in prose. */
export const errorCodes = {
  'invalid-input': {
    retryable: false,
    meaning: 'The request or file breaks a rule; `issues` names each field.',
  },
  unprocessable: {
    retryable: false,
    meaning: 'Every field is right by itself, and yet it cannot be; `issues` names the field.',
  },
  'not-understood': {
    retryable: false,
    meaning: 'The syntax could not be read: broken JSON, wrong encoding.',
  },
  'unsupported-media-type': {
    retryable: false,
    meaning: 'The content type is not one that Cube reads.',
  },
  'too-large': { retryable: false, meaning: 'A size limit was passed.' },
  'headers-too-large': {
    retryable: false,
    meaning: 'The request has too many or too long headers.',
  },
  'url-too-long': { retryable: false, meaning: 'The path or a part of it is too long.' },
  'not-found': { retryable: false, meaning: 'There is no such task, node or path.' },
  pruned: { retryable: false, meaning: 'It was there, and retention has removed it.' },
  conflict: {
    retryable: false,
    meaning: 'The id is taken by a task with another spec, or a file is there already.',
  },
  'method-not-allowed': { retryable: false, meaning: 'The path exists, but not for this method.' },
  'not-acceptable': {
    retryable: false,
    meaning: 'The reply cannot be given in the form asked for.',
  },
  unauthorized: { retryable: false, meaning: 'A token is needed, or the one sent is wrong.' },
  forbidden: {
    retryable: false,
    meaning: 'The request comes from a place, or asks for a thing, that policy refuses.',
  },
  misdirected: { retryable: false, meaning: 'The request is meant for a server that this is not.' },
  'too-many-requests': { retryable: true, meaning: 'A limit on rate or concurrency was reached.' },
  'request-timeout': { retryable: true, meaning: 'The request did not arrive in time.' },
  'stale-epoch': {
    retryable: false,
    meaning: 'The command comes from a manager whose reign is over.',
  },
  'stale-orders': {
    retryable: false,
    meaning: 'The orders are for an earlier life of the worker.',
  },
  'wrong-cluster': {
    retryable: false,
    meaning: 'The worker or the message belongs to another cluster.',
  },
  'name-taken': {
    retryable: false,
    meaning: 'The node name belongs to another worker, or this worker to another name.',
  },
  unavailable: { retryable: true, meaning: 'It is starting, stopping or cut off; try again.' },
  unreachable: { retryable: true, meaning: 'Nothing answered at the address.' },
  'bad-reply': { retryable: true, meaning: 'Something answered, but not as Cube does.' },
  'storage-full': {
    retryable: true,
    meaning:
      'The disk that holds the data directory is full, or too full for new tasks. Nothing was changed.',
  },
  'storage-failed': {
    retryable: true,
    meaning: 'The disk failed; whether the change was kept is unknown.',
  },
  'storage-locked': { retryable: false, meaning: 'Another process holds the data file.' },
  'storage-damaged': {
    retryable: false,
    meaning: 'The data file is damaged. It was left as it is.',
  },
  'storage-foreign': {
    retryable: false,
    meaning: 'The file is not a data file of Cube, or not of this kind.',
  },
  'storage-newer': { retryable: false, meaning: 'The data file was written by a newer Cube.' },
  'storage-closed': { retryable: false, meaning: 'The store was closed.' },
  'storage-conflict': {
    retryable: false,
    meaning: 'A compared record has changed: another writer is at work.',
  },
  'runtime-unavailable': { retryable: true, meaning: 'The runtime does not answer.' },
  'runtime-failed': { retryable: false, meaning: 'The runtime refused or failed an operation.' },
  'image-missing': { retryable: true, meaning: 'The image is not there and could not be pulled.' },
  'port-taken': { retryable: true, meaning: 'Another program uses the host port.' },
  'not-allowed': {
    retryable: false,
    meaning: "The worker's policy forbids what the task asks for.",
  },
  'address-in-use': { retryable: false, meaning: 'Another program listens on the address.' },
  configuration: {
    retryable: false,
    meaning: 'A flag, variable or file of the configuration is wrong.',
  },
  internal: { retryable: false, meaning: 'A bug in Cube.' },
} as const satisfies Record<string, { readonly retryable: boolean; readonly meaning: string }>;

export type ErrorCode = keyof typeof errorCodes;
