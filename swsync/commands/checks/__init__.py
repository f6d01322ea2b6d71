"""What ``swsync doctor`` looks at: functions that yield findings, each bounded in time, none of which raises."""
