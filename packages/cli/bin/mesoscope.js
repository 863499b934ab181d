#!/usr/bin/env node
'use strict';

// This file is read by every Node since version 6: the check comes before anything that an old one cannot parse.
const needed = [20, 19];
const version = process.versions.node.split('.').map(Number);

if (version[0] < needed[0] || (version[0] === needed[0] && version[1] < needed[1])) {
  const message =
    'Mesoscope needs Node ' +
    needed.join('.') +
    ' or later; this is Node ' +
    process.versions.node +
    '.';
  process.stderr.write(message + '\n');
  if (process.argv.indexOf('--json') >= 0) {
    const error = { code: 'unsupported', message: message };
    process.stdout.write(JSON.stringify({ error: error }, null, 2) + '\n');
  }
  process.exitCode = 2;
} else {
  require('./start.js');
}
