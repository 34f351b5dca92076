/**
 * A page that shows what a Holdfast daemon or server does: the modules, by their names.
 */
export * as DashboardContract from "./DashboardContract.ts"
