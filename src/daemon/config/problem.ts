export { ConfigFault, type ConfigProblem, formatProblem } from '../../config/problem.ts'
