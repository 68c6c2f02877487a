// Every pair of hosts in the lab, and how links are shared, in one process, on one server.

import process from 'node:process';
import { runScenarios } from './harness/scenario.mjs';
import './tests/matrix.test.mjs';
import './tests/changes.test.mjs';
import './tests/share.test.mjs';

runScenarios(process.argv.slice(2));
