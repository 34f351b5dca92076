/** Wraps the platform: the thread that reads and matches. It is told what to do one task at a time, and answers. */
import { parentPort, workerData } from "node:worker_threads"
import type { RuleSet } from "../ScanRule.ts"
import * as gitHistory from "./gitHistory.ts"
import { list } from "./listFiles.ts"
import * as MatchText from "./matchText.ts"
import { scan } from "./scanFiles.ts"

export type Task =
  | { readonly _tag: "List"; readonly root: string }
  | { readonly _tag: "Scan"; readonly root: string; readonly paths: ReadonlyArray<string> }
  | { readonly _tag: "History"; readonly root: string }

export interface WorkerData {
  readonly rules: RuleSet
  readonly key: string
}

// The starter of this thread gives it these.
const { key, rules } = workerData as WorkerData
const matcher = MatchText.make(rules, key)

const onPart = (file: number): void => parentPort?.postMessage({ _tag: "At", file })

const answerTo = (task: Task) => {
  switch (task._tag) {
    case "List":
      return list(task.root, () => onPart(0))
    case "Scan":
      return scan(task.root, task.paths, matcher, onPart)
    case "History":
      return gitHistory.scan(task.root, matcher, onPart)
  }
}

parentPort?.on("message", async (task: Task) => {
  parentPort?.postMessage({ _tag: "Done", answer: await answerTo(task) })
})
