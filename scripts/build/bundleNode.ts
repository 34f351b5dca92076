/**
 * For Node, the modules that `@holdfast/mcp/promise` needs as one file of each package: to find, read and compile 190 small files takes longer than all
 * that they do. `exports` lead Node to `dist/internal/node`, and bundlers, which know the condition `module`, to the modules themselves, of which
 * they leave out what is not used.
 *
 * No module is there twice: in a package every entry and the shared file are written in one go, and what belongs to another package is imported
 * from there. What loads nothing of Effect stays a file of its own, since programs that are to start fast load it alone.
 */
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Path from "node:path"
import { rolldown } from "rolldown"

const packages = ["core", "process", "protocol", "mcp"] as const
const entry = "packages/mcp/dist/promise.js"

/** Of others', and without anything to tell two copies apart by: the only one that is written with ours. */
const parser = "#jsonc-parser"

/** Where Node finds the entries of a package, from its folder. */
const place = "dist/internal/node"

/** What a module imports when it is loaded; types are gone from it. */
const importsOf = (root: string, file: string): ReadonlyArray<string> =>
  [...Fs.readFileSync(file, "utf8").matchAll(/^(?:import|export)\b[^"';]*?["']([^"']+)["'];?$/gm)].map(
    ([, name = ""]) => {
      if (name.startsWith(".")) return Path.resolve(Path.dirname(file), name)
      const [, of, module = "index"] = /^@holdfast\/([^/]+)(?:\/(.+))?$/.exec(name) ?? []
      return of === undefined ? name : Path.join(root, "packages", of, "dist", `${module}.js`)
    }
  )

/** The modules of ours that are loaded with `entry`, of which each comes to load Effect. */
const loaded = (root: string): ReadonlySet<string> => {
  const imports = new Map<string, ReadonlyArray<string>>()
  const walk = (file: string): void => {
    if (!Path.isAbsolute(file) || imports.has(file)) return
    imports.set(file, importsOf(root, file))
    for (const name of imports.get(file) ?? []) walk(name)
  }
  walk(Path.join(root, entry))
  const heavy = new Set<string>()
  const isHeavy = (name: string): boolean => heavy.has(name) || /^effect(\/|$)/.test(name)
  // Import cycles between files are against the rules of the house, so that this ends early.
  for (let size = -1; size < heavy.size;) {
    size = heavy.size
    for (const [file, of] of imports) if (of.some(isHeavy)) heavy.add(file)
  }
  return heavy
}

/** `root`: of the workspace, whose packages are compiled. Returns the paths of what was written. */
export const bundleNode = async (root: string): Promise<ReadonlyArray<string>> => {
  const require = createRequire(Path.join(root, "packages/mcp/package.json"))
  const home = Path.dirname(require.resolve("jsonc-parser/package.json"))
  const license = Fs.readFileSync(Path.join(home, "LICENSE.md"), "utf8")
  const together = loaded(root)
  const files = await Promise.all(packages.map(async (name) => {
    const folder = Path.join(root, "packages", name)
    Fs.rmSync(Path.join(folder, place), { recursive: true, force: true })
    const bundle = await rolldown({
      input: Object.fromEntries(
        Fs.globSync("dist/*.js", { cwd: folder }).map((file) => [Path.basename(file, ".js"), Path.join(folder, file)])
      ),
      platform: "node",
      external: (id) => !/^[./]/.test(id) && id !== parser,
      plugins: [{
        name: "parser",
        // Its modules are for bundlers: Node would have the other format, which takes longer to load than all of them.
        resolveId: (id) => id === parser ? require.resolve("jsonc-parser").replace("/umd/", "/esm/") : undefined
      }]
    })
    const { output } = await bundle.write({
      dir: Path.join(folder, place),
      format: "esm",
      entryFileNames: "[name].js",
      chunkFileNames: "parts/[name].js",
      banner: (chunk) => chunk.moduleIds.some((id) => id.startsWith(home)) ? `/*! jsonc-parser\n\n${license}*/` : "",
      // The names of classes and functions are in errors.
      keepNames: true,
      minify: false,
      codeSplitting: { groups: [{ name: "together", test: (id) => together.has(id) || id.startsWith(home) }] }
    })
    await bundle.close()
    return output.map(({ fileName }) => Path.join(folder, place, fileName))
  }))
  return files.flat()
}
