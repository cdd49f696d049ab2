"""The authors' workshop: what a remediation needs before it is trusted is made, checked, tested, proved."""
