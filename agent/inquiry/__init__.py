"""An incident that was opened in, where it comes from and what its hosts say out."""

from agent.inquiry.inquirer import Inquirer
from agent.inquiry.opinions import InquiryOpinions

__all__ = ["Inquirer", "InquiryOpinions"]
