/**
 * The site (`pnpm docs:site`, into `dist/site`): the Markdown of the repository as pages with a search, the API reference of every package under `api/`, and the same for
 * language models. Fails on a link that leads nowhere, and on a page that would fetch something from elsewhere.
 *
 * `node scripts/site/make.ts DIR` makes it there.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { deadLinks } from "./DeadLinks.ts"
import * as Llms from "./Llms.ts"
import { root, stage } from "./Pages.ts"

const out = Path.resolve(process.argv[2] ?? Path.join(root, "dist/site"))
const api = `${out}.api`

const run = async (name: string, args: ReadonlyArray<string>): Promise<void> => {
  const child = spawn(process.execPath, args, {
    cwd: import.meta.dirname,
    env: { ...process.env, HOLDFAST_SITE_OUT: out },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let said = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => void (said += text))
  }
  const [code] = await once(child, "close")
  if (code !== 0) throw new Error(`${name} failed:\n${said}`)
}

try {
  stage()
  const vitepress = Path.join(import.meta.dirname, "node_modules/vitepress/bin/vitepress.js")
  const made = await Promise.allSettled([
    run("the generator", [vitepress, "build", import.meta.dirname]),
    run("the API reference", [Path.join(root, "scripts/api/make.ts"), api])
  ])
  for (const part of made) if (part.status === "rejected") throw part.reason
  Fs.renameSync(api, Path.join(out, "api"))
  Llms.write(out)
  const { faults, links, pages } = deadLinks(out)
  for (const fault of faults) console.error(fault)
  console.log(`${pages} pages in ${out}, ${links} links, ${faults.length} dead`)
  process.exitCode = faults.length === 0 ? 0 : 1
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  Fs.rmSync(api, { recursive: true, force: true })
}
