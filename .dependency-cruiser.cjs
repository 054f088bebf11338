// Who may import whom. Each rule says why; `scripts/check.mjs` also demands that modules were seen.
const only = (name, comment, from, allowed) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: '^src/', pathNot: [from, ...allowed] },
});

const domain = [
  '^src/lib/',
  '^src/errors/',
  '^src/task/',
  '^src/node/',
  '^src/event/',
  '^src/link/',
];

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'A cycle is one thing in two files, or two in one.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    only('lib-alone', 'lib has no domain words in it.', '^src/lib/', []),
    only('errors-low', 'Everything may fail with a CubeError.', '^src/errors/', ['^src/lib/']),
    only('task-domain', 'The domain knows no machinery.', '^src/task/', [
      '^src/lib/',
      '^src/errors/',
    ]),
    only('node-domain', 'A node is described in the words of tasks.', '^src/node/', [
      '^src/lib/',
      '^src/errors/',
      '^src/task/',
    ]),
    only('event-domain', 'Events tell of tasks and nodes.', '^src/event/', [
      '^src/lib/',
      '^src/errors/',
      '^src/task/',
      '^src/node/',
    ]),
    only('link-domain', 'The protocol is made of domain words.', '^src/link/', [
      '^src/lib/',
      '^src/errors/',
      '^src/task/',
      '^src/node/',
    ]),
    only(
      'store-port',
      "The port and its repositories know the domain, not each other's users.",
      '^src/store/[^/]+$',
      domain,
    ),
    only('store-memory', 'An implementation knows its own port.', '^src/store/memory/', [
      '^src/store/[^/]+$',
      '^src/errors/',
      '^src/lib/',
    ]),
    only('store-sqlite', 'An implementation knows its own port.', '^src/store/sqlite/', [
      '^src/store/[^/]+$',
      '^src/errors/',
      '^src/lib/',
    ]),
    only('scheduler-pure', 'Placement is a function of domain values.', '^src/scheduler/', domain),
    only('runtime-port', 'The port knows the domain.', '^src/runtime/[^/]+$', domain),
    only('runtime-docker', 'An implementation knows its own port.', '^src/runtime/docker/', [
      '^src/runtime/[^/]+$',
      ...domain,
    ]),
    only('runtime-process', 'An implementation knows its own port.', '^src/runtime/process/', [
      '^src/runtime/[^/]+$',
      ...domain,
    ]),
    only('runtime-simulated', 'An implementation knows its own port.', '^src/runtime/simulated/', [
      '^src/runtime/[^/]+$',
      ...domain,
    ]),
    only(
      'worker-ports',
      'The worker sees ports, never implementations, never the manager.',
      '^src/worker/',
      ['^src/store/[^/]+$', '^src/runtime/[^/]+$', ...domain],
    ),
    only(
      'manager-ports',
      'The manager sees ports, never implementations, never the worker.',
      '^src/manager/',
      ['^src/store/[^/]+$', '^src/scheduler/', ...domain],
    ),
    only('http-narrow', 'Routes see services that they declare themselves.', '^src/http/', domain),
    only('client-light', 'The client never sees server code.', '^src/client/', domain),
    only(
      'dashboard-light',
      'The dashboard runs in a browser, and knows no more of Cube than any client.',
      '^src/dashboard/',
      ['^src/client/', ...domain],
    ),
    {
      name: 'dashboard-apart',
      comment: 'The dashboard is served as files, and never run by the programs that serve it.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/dashboard/' },
      to: { path: '^src/dashboard/|node_modules/(preact|@preact)/' },
    },
    {
      name: 'dashboard-model-apart',
      comment: 'What is shown is known without how it is shown.',
      severity: 'error',
      from: { path: '^src/dashboard/model/' },
      to: { path: '^src/dashboard/views/|node_modules/preact/' },
    },
    {
      name: 'simulation-above',
      comment: 'The simulation stands in for machines and networks, not for servers and terminals.',
      severity: 'error',
      from: { path: '^src/simulation/' },
      to: { path: '^src/(cli|http)/' },
    },
    {
      name: 'simulation-apart',
      comment: 'Nothing that runs tasks for real depends on the simulation.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(simulation|cli)/' },
      to: { path: '^src/simulation/' },
    },
    {
      name: 'sqlite-home',
      comment: 'The database module has one home.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/store/sqlite/' },
      to: { path: 'sqlite$', dependencyTypes: ['core'] },
    },
    {
      name: 'docker-home',
      comment: 'The Docker protocol has one home.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/runtime/docker/' },
      to: { path: 'dockerode|docker-modem' },
    },
    {
      name: 'child-process-home',
      comment: 'Child processes have one home.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/runtime/process/' },
      to: { path: '^(node:)?child_process$' },
    },
    {
      name: 'fastify-home',
      comment: 'The HTTP server has one home.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/http/' },
      to: { path: 'node_modules/(fastify|@fastify)' },
    },
    {
      name: 'client-browser-safe',
      comment: 'The dashboard uses the client in a browser.',
      severity: 'error',
      from: { path: '^src/(client|dashboard)/' },
      to: { dependencyTypes: ['core'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.tsx', '.js'],
      conditionNames: ['import', 'node', 'default', 'types'],
      exportsFields: ['exports'],
    },
  },
};
