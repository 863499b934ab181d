/** Imports run downwards in this order and never up; the list is the architecture. */
const layers = [
  'configuration',
  'numeric',
  'formats',
  'minimise',
  'kernels',
  'law',
  'field',
  'flow',
  'control',
  'heads',
  'gaussian',
  'ensemble',
  'sphere',
  'checkpoint',
  'task',
  'claims',
  'study',
];
const library = '^packages/mesoscope/src';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...layers.slice(0, -1).map((layer, i) => ({
      name: `${layer}-imports-only-downwards`,
      severity: 'error',
      // A test may look at its subject through what stands above it.
      from: { path: `${library}/${layer}/`, pathNot: '\\.test\\.ts$' },
      to: { path: `${library}/(${layers.slice(i + 1).join('|')})/` },
    })),
    {
      name: 'library-is-browser-safe',
      comment: 'The library must load in a browser: no Node module outside tests.',
      severity: 'error',
      from: { path: library, pathNot: '(\\.test|/test-support)\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'view-is-browser-safe',
      severity: 'error',
      from: { path: '^packages/view/src', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'library-does-not-know-the-command-line',
      severity: 'error',
      from: { path: library },
      to: { path: '^packages/(cli|view)' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|generated|assembly)/' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.mjs', '.json'] },
  },
};
