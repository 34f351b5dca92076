/**
 * Remembers the files over which all fast tests have passed, so that a `pnpm check` after a `pnpm test` need not run them again.
 *
 * What is kept is a fingerprint of every file of the repository and of Node's version, taken before the first test and again after the
 * last: only when both are the same, every file of the set has run, and nothing in it failed or was skipped, does it count.
 */
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import * as Path from "node:path"
import type { Reporter, TestModule, Vitest } from "vitest/node"
import { repositoryFiles } from "../docs/RepositoryRules.ts"

const fastTests = "unit"
const noteOf = (root: string): string => Path.join(root, ".tmp", "fast-tests")

/** Undefined: there is no repository here, or it changes while it is read. Then nothing is remembered, and the tests run. */
const fingerprint = (root: string): string | undefined => {
  try {
    const hash = createHash("sha256").update(process.version)
    for (const file of repositoryFiles(root).toSorted()) {
      hash.update(`\0${file}\0`).update(Fs.readFileSync(Path.join(root, file)))
    }
    return hash.digest("hex")
  } catch {
    return undefined
  }
}

/** Whether all fast tests have passed over the files that are there now. */
export const havePassed = (root: string): boolean => {
  const note = noteOf(root)
  return Fs.existsSync(note) && Fs.readFileSync(note, "utf8") === fingerprint(root)
}

export default class FastTests implements Reporter {
  #vitest: Vitest | undefined
  #before: string | undefined

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onTestRunStart(): void {
    this.#before = this.#vitest === undefined ? undefined : fingerprint(this.#vitest.config.root)
  }

  async onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandled: ReadonlyArray<unknown>): Promise<void> {
    const vitest = this.#vitest
    const project = vitest?.projects.find(({ name }) => name === fastTests)
    const ran = modules.filter((module) => module.project === project)
    if (vitest === undefined || project === undefined || ran.length === 0 || unhandled.length > 0) return
    const { testFiles } = await project.globTestFiles()
    const haveAllPassed = ran.length === testFiles.length &&
      ran.every((module) =>
        module.errors().length === 0 &&
        [...module.children.allTests()].every((test) => test.result().state === "passed")
      )
    const { root } = vitest.config
    const after = fingerprint(root)
    if (!haveAllPassed || after === undefined || after !== this.#before) return
    const note = noteOf(root)
    Fs.mkdirSync(Path.dirname(note), { recursive: true })
    Fs.writeFileSync(note, after)
  }
}
