package program

func isTextBusy(error) bool { return false }

func isShortage(error) bool { return false }
