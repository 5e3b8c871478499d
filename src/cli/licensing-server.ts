#!/usr/bin/env -S node --single-threaded --max-semi-space-size=32
// The other threads sign: that those of V8 compile and collect beside them costs a busy server 3 % of its answers. What waits for
// its signature lives a tenth of a second and more; with a young generation of 32 MB less of that is copied, for 1 to 2 %.
import { start } from './start.ts'

void start('licensing-server')
