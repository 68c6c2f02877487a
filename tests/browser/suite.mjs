// All browser tests, in one process, so that they share browsers and a server where they do no harm to each other.

import process from 'node:process';
import { runScenarios } from './harness/scenario.mjs';
import './tests/call.test.mjs';
import './tests/mesh.test.mjs';
import './tests/rooms.test.mjs';
import './tests/native.test.mjs';
import './tests/links.test.mjs';
import './tests/room.test.mjs';
import './tests/devices.test.mjs';
import './tests/hostile.test.mjs';
import './tests/page.test.mjs';
import './tests/paths.test.mjs';

runScenarios(process.argv.slice(2));
