export { fromNow, type Time, type TimeInput, toLoopMs, toTime } from '../time'
