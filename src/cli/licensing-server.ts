#!/usr/bin/env -S node --max-semi-space-size=32
import { start } from './start.ts'

void start('licensing-server')
