#!/usr/bin/env -S node --single-threaded --max-semi-space-size=32
// The other threads sign: that those of V8 compile and collect beside them costs a busy server 3 % of its answers. What waits for
// its signature lives a tenth of a second and more; with a young generation of 32 MB less of that is copied, for 1 to 2 %.
import { availableParallelism } from 'node:os'
import { start } from './start.ts'

// Threads that sign: one for each core, where libuv has four. It reads this when the first of them is needed.
process.env['UV_THREADPOOL_SIZE'] ??= String(availableParallelism())
void start('licensing-server')
