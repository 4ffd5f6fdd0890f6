"""Accuracies without training: real trainings as a table, a model fitted to them, and learning curves drawn from them.

trainings   the table: architecture, accuracies and learning curve of every training
accuracy    a model of the accuracy, chosen and judged by cross-validation
trained     both together as an objective for studies, and as a trainer for `search run --surrogate`
"""
