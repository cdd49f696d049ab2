"""What is drawn for people, on pages and in messages: the course of what an incident is about."""

from agent.charts.chart import Band, Chart, Line, Mark
from agent.charts.sources import IncidentCharts

__all__ = ["Band", "Chart", "IncidentCharts", "Line", "Mark"]
