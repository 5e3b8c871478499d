/**
 * Loaded before a program (`node --import`), puts its wall clock ahead by as many milliseconds as the file
 * TURNED_CLOCK says at each moment. So a test turns the clocks of processes that run.
 */
import { readFileSync } from 'node:fs'

const file = process.env['TURNED_CLOCK']
const realNow = Date.now
if (file !== undefined) Date.now = () => realNow() + Number(readFileSync(file, 'utf8'))
