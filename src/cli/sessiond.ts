#!/usr/bin/env -S node --max-semi-space-size=4
// A small young generation (MB): what requests leave behind is freed soon, and the daemon stays small under load.
import { start } from './start.ts'

void start('sessiond')
