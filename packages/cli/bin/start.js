'use strict';

const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');

const entry = join(__dirname, '..', 'dist', 'main.js');
if (existsSync(entry)) {
  import(pathToFileURL(entry).href).then(({ main }) => main());
} else {
  process.stderr.write(
    'Mesoscope is not built yet: run `npm run build` in the repository, then try again.\n',
  );
  process.exitCode = 2;
}
