package roster_test

import (
	"testing"
	"testing/synctest"

	"github.com/steward-mcp/steward/internal/presentation/roster"
)

// A crew works at no more than it may at once, takes the rest when somebody is free, and is done when all of it is.
func TestCrew_WorksAtNoMoreThanItMayAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most, pieces = 3, 10
		begun, finish := make(chan int, pieces), make(chan struct{})
		c := roster.NewCrew(most, func(w int) {
			begun <- w
			<-finish
		})
		taken := make(chan bool, pieces)
		go func() {
			for w := range pieces {
				taken <- c.Take(nil, w)
			}
		}()
		synctest.Wait()
		if len(begun) != most || len(taken) != most {
			t.Fatalf("%d have begun, %d are taken", len(begun), len(taken))
		}
		for range pieces {
			finish <- struct{}{}
		}
		c.Dismiss()
		if len(begun) != pieces || len(taken) != pieces {
			t.Errorf("%d of %d are done, %d are taken", len(begun), pieces, len(taken))
		}
	})
}

func TestCrew_TakesNothingMoreAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended, finish := make(chan struct{}), make(chan struct{})
		done := 0
		c := roster.NewCrew(1, func(int) {
			<-finish
			done++
		})
		if !c.Take(ended, 1) {
			t.Fatal("a free hand takes nothing")
		}
		close(ended)
		if c.Take(ended, 2) {
			t.Error("work was taken although nobody is free and the end has come")
		}
		close(finish)
		c.Dismiss()
		if done != 1 {
			t.Errorf("%d done", done)
		}
	})
}
