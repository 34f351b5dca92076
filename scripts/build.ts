/**
 * `pnpm build`: `dist` of every package and app, exactly what its sources say.
 *
 * The compiler leaves the output of deleted sources in place; that would be published. So whatever in `dist` has no source any
 * more is removed.
 */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { bundleCli } from "./build/bundleCli.ts"
import { bundleNode } from "./build/bundleNode.ts"
import { bundleUndici } from "./build/bundleUndici.ts"

const root = Path.resolve(import.meta.dirname, "..")
const projects = Fs.globSync("{packages,apps}/*/tsconfig.src.json", { cwd: root }).toSorted()

const tsc = Path.join(root, "node_modules/typescript/bin/tsc")
const { status } = spawnSync(process.execPath, [tsc, "-b", ...projects], { cwd: root, stdio: "inherit" })
if (status !== 0) process.exit(status ?? 1)

const forBundlers = await bundleUndici(Path.join(root, "packages/mcp"))
await bundleCli(root)
const page = spawnSync(process.execPath, [Path.join(root, "packages/dashboard/build/main.ts")], { stdio: "inherit" })
if (page.status !== 0) process.exit(page.status ?? 1)
const ofPage = Path.join(root, "packages/dashboard/dist/page") + Path.sep
const forNode = new Set(await bundleNode(root))

let built = 1
for (const project of projects) {
  const folder = Path.join(root, Path.dirname(project))
  for (const file of Fs.globSync("dist/**/*.{js,d.ts,js.map,d.ts.map}", { cwd: folder })) {
    const path = Path.join(folder, file)
    if (path === forBundlers || forNode.has(path) || path.startsWith(ofPage)) continue
    const source = file.replace(/^dist/, "src").replace(/(\.d\.ts|\.js)(\.map)?$/, ".ts")
    if (Fs.existsSync(Path.join(folder, source))) built++
    else Fs.rmSync(Path.join(folder, file))
  }
}
console.log(`${built} files in ${projects.length} packages`)
