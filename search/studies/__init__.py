"""Running a search: what a study is, its trials one after the other, on one machine or many."""
