#!/usr/bin/env -S node --max-semi-space-size=8
// The young generation (MB): with 4, collecting it took 1.3 % of the time at 10,000 calls/s, which the slowest calls show; with 16,
// 100,000 held sessions take 150 MB. Said here since the default hangs on the version of Node.js and the memory of the machine.
import { start } from './start.ts'

void start('sessiond')
