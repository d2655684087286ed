// Simulates one request of AWS IAM per line of JSON on its standard input, and answers with one line each.
// The argument is the folder in whose node_modules the simulator is.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const { runSimulation } = createRequire(`${process.argv[2]}/`)('@cloud-copilot/iam-simulate')

for await (const line of createInterface({ input: process.stdin })) {
  const made = await runSimulation(JSON.parse(line), {})
  const error = made.resultType === 'error' ? JSON.stringify(made.errors) : ''
  const ignored = made.result?.ignoredContextKeys ?? []
  console.log(JSON.stringify({ result: made.overallResult ?? '', error, ignored }))
}
