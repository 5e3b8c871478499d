export { RareLog } from '../rare-log.ts'
