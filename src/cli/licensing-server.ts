#!/usr/bin/env -S node --single-threaded
// Its threads sign. That those of V8 compile and collect beside them costs a server of many requests 3 % of its answers.
import { start } from './start.ts'

void start('licensing-server')
