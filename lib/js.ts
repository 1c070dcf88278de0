import { selectJsBackend } from './backend/select'

selectJsBackend()

export * from './index'
